"""The program that the README shows."""

import asyncio

import transportd


async def shout(reader, writer):
    writer.write((await reader.readline()).upper())
    writer.close()


async def main():
    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello from a socket\n")
        print((await reader.readline()).decode(), end="")
        writer.close()

    process = await asyncio.create_subprocess_exec("echo", "hello from a process", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    print(output.decode(), end="")


transportd.run(main())
