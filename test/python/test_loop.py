"""The Python client against a daemon that was built: what the suite of CPython does not ask."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "client" / "python"))

import transportd  # noqa: E402
from transportd import testing  # noqa: E402

COMMAND = ["node", str(ROOT / "dist" / "cli" / "main.js")]


class LoopTest(unittest.TestCase):
    def setUp(self) -> None:
        served.clear()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.loop = testing.new_event_loop()
        self.addCleanup(self.loop.close)

    def run_in_loop(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(finished(coroutine), 100))


served: set[asyncio.Task[None]] = set()


async def finished(coroutine: Any) -> Any:
    """Waits for the servers' side too."""
    result = await coroutine
    await asyncio.gather(*served, return_exceptions=True)
    served.clear()
    return result


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    task = asyncio.current_task()
    assert task is not None
    served.add(task)
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


class Streams(LoopTest):
    def test_megabytes_survive_a_slow_reader(self) -> None:
        async def main() -> None:
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            data = os.urandom(3_000_000)

            async def send() -> None:
                writer.write(data)
                self.assertGreater(writer.transport.get_write_buffer_size(), 65536)
                await writer.drain()
                writer.write_eof()

            sending = asyncio.create_task(send())
            received = bytearray()
            while piece := await reader.read(10_000):
                received += piece
                await asyncio.sleep(0)
            await sending
            self.assertEqual(bytes(received), data)
            writer.close()
            server.close()

        self.run_in_loop(main())

    def test_five_hundred_connections_at_once(self) -> None:
        async def main() -> None:
            server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1000)
            address = server.sockets[0].getsockname()

            async def one(number: int) -> bytes:
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"%d\n" % number)
                line = await reader.readline()
                writer.close()
                return line

            lines = await asyncio.gather(*map(one, range(500)))
            self.assertEqual(lines, [b"%d\n" % number for number in range(500)])
            server.close()

        self.run_in_loop(main())

    def test_a_transport_says_where_it_lives(self) -> None:
        async def main() -> None:
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            place = writer.get_extra_info("transportd")
            self.assertEqual((place.stream, place.tls), ("daemon", None))
            described = await self.loop.request("transport/describe", {"transport": place.transport})
            self.assertEqual(described["extra"]["peername"]["port"], server.sockets[0].getsockname()[1])
            writer.close()
            server.close()

        self.run_in_loop(main())

    def test_a_relative_path_is_this_process_s(self) -> None:
        async def main() -> None:
            server = await asyncio.start_unix_server(echo, "here.sock")
            self.assertTrue(os.path.exists(os.path.join(self.folder, "here.sock")))
            self.assertEqual(server.sockets[0].getsockname(), "here.sock")
            reader, writer = await asyncio.open_unix_connection("here.sock")
            self.assertEqual(writer.get_extra_info("peername"), "here.sock")
            writer.write(b"x")
            self.assertEqual(await reader.read(1), b"x")
            writer.close()
            server.close()

        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        self.run_in_loop(main())


class Processes(LoopTest):
    def test_a_child_has_this_process_s_surroundings(self) -> None:
        async def main() -> list[str]:
            line = "pwd; echo $MARK; umask"
            child = await asyncio.create_subprocess_shell(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            output, _ = await child.communicate()
            return output.decode().split()

        before, umask = os.getcwd(), os.umask(0o027)
        os.chdir(self.folder)
        os.environ["MARK"] = "seen"
        try:
            self.assertEqual(self.run_in_loop(main()), [os.path.realpath(self.folder), "seen", "0027"])
        finally:
            os.umask(umask)
            os.chdir(before)
            del os.environ["MARK"]

    def test_output_to_a_file_is_a_child_of_this_process(self) -> None:
        async def main(file: Any) -> str:
            class Protocol(asyncio.SubprocessProtocol):
                def __init__(self) -> None:
                    self.exited = asyncio.get_running_loop().create_future()

                def process_exited(self) -> None:
                    self.exited.set_result(None)

            transport, protocol = await self.loop.subprocess_exec(
                Protocol, "echo", "hello", stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL
            )
            await protocol.exited
            place = transport.get_extra_info("transportd")
            transport.close()
            return str(place.stream)

        with open(os.path.join(self.folder, "out"), "w+b") as file:
            self.assertEqual(self.run_in_loop(main(file)), "local")
            file.seek(0)
            self.assertEqual(file.read(), b"hello\n")


class Tls(LoopTest):
    def make_certificate(self) -> tuple[str, str]:
        key, certificate = (os.path.join(self.folder, name) for name in ("key.pem", "cert.pem"))
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
        try:
            subprocess.run([*command, *names], check=True, capture_output=True)
        except FileNotFoundError:
            self.skipTest("without openssl")
        return key, certificate

    def test_the_daemon_has_what_a_context_remembers_and_the_client_the_rest(self) -> None:
        key, certificate = self.make_certificate()

        async def talk(kind: type[ssl.SSLContext]) -> tuple[Any, Any, Any]:
            served = kind(ssl.PROTOCOL_TLS_SERVER)
            served.load_cert_chain(certificate, key)
            served.set_alpn_protocols(["b", "a"])
            trusting = kind(ssl.PROTOCOL_TLS_CLIENT)
            trusting.load_verify_locations(certificate)
            trusting.set_alpn_protocols(["a"])
            server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=served)
            port = server.sockets[0].getsockname()[1]
            with self.assertRaises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="elsewhere")
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="localhost")
            writer.write(b"secret")
            self.assertEqual(await reader.readexactly(6), b"secret")
            info = writer.get_extra_info
            subject, alpn = info("peercert")["subject"], info("ssl_object").selected_alpn_protocol()
            where = info("transportd").tls
            writer.close()
            await writer.wait_closed()
            server.close()
            return where, subject, alpn

        subject = ((("commonName", "localhost"),),)
        self.assertEqual(self.run_in_loop(talk(transportd.SSLContext)), ("daemon", subject, "a"))
        self.assertEqual(self.run_in_loop(talk(ssl.SSLContext)), ("client", subject, "a"))

    def test_a_connection_becomes_tls_in_the_daemon(self) -> None:
        key, certificate = self.make_certificate()

        async def main() -> None:
            served = transportd.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            served.load_cert_chain(certificate, key)
            trusting = transportd.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trusting.load_verify_locations(certificate)

            async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readline()
                writer.write(b"go\n")
                await writer.start_tls(served)
                await echo(reader, writer)

            server = await asyncio.start_server(upgrade, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"starttls\n")
            self.assertEqual(await reader.readline(), b"go\n")
            await writer.start_tls(trusting, server_hostname="localhost")
            self.assertEqual(writer.get_extra_info("transportd").tls, "daemon")
            writer.write(b"secret\n")
            self.assertEqual(await reader.readline(), b"secret\n")
            writer.close()
            await writer.wait_closed()
            server.close()

        self.run_in_loop(main())


class Daemons(unittest.TestCase):
    def start_daemon(self) -> str:
        """The path of a daemon that serves until the test is over."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "daemon.sock")
        reading, writing = os.pipe()
        serve = [*COMMAND, "serve", "--socket", path, "--ready-fd", str(writing)]
        daemon = subprocess.Popen(serve, pass_fds=[writing], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        return path

    def test_a_daemon_on_a_socket_serves_one_loop_after_the_other(self) -> None:
        path = self.start_daemon()

        async def main() -> bytes:
            child = await asyncio.create_subprocess_exec(
                "echo", "hi", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            return (await child.communicate())[0]

        for _ in range(2):
            self.assertEqual(transportd.run(main(), connection=transportd.connect(path)), b"hi\n")

    def test_a_child_of_a_daemon_on_a_socket_writes_to_a_file_of_this_process(self) -> None:
        connection = transportd.connect(self.start_daemon())
        if connection.handover is None:
            connection.close()
            self.skipTest("this daemon takes no descriptors over a socket")

        async def main(file: Any) -> Any:
            transport, _ = await asyncio.get_running_loop().subprocess_exec(
                asyncio.SubprocessProtocol, "echo", "hi", stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
            await transport._wait()
            transport.close()
            return transport.get_extra_info("transportd").stream

        with tempfile.TemporaryFile() as file:
            self.assertEqual(transportd.run(main(file), connection=connection), "daemon")
            file.seek(0)
            self.assertEqual(file.read(), b"hi\n")

    def test_what_went_through_a_daemon_that_is_gone_is_lost(self) -> None:
        async def main(loop: transportd.EventLoop) -> None:
            served.clear()
            # What the other side of it raises is not what this is about.
            loop.set_exception_handler(lambda loop, context: None)
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            os.kill(loop.connection.greeting["serverInfo"]["pid"], 9)
            with self.assertRaises(transportd.DaemonLost):
                await reader.read()
            with self.assertRaises(transportd.DaemonLost):
                await asyncio.open_connection("127.0.0.1", 1)
            writer.close()
            server.close()
            await asyncio.gather(*served, return_exceptions=True)

        loop = transportd.EventLoop(transportd.launch([*COMMAND, "stdio", "--framing=header"]))
        try:
            loop.run_until_complete(asyncio.wait_for(main(loop), 20))
        finally:
            loop.close()

    def test_nobody_listens(self) -> None:
        with self.assertRaises(FileNotFoundError):
            transportd.connect("/nonexistent/daemon.sock")


if __name__ == "__main__":
    unittest.main()
