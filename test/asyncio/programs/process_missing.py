"""What cannot be started is an error and no callback."""

from _twin import ProcessRecorder, awaited, note, run


async def main(loop):
    for program in ("/no/such/program", "/etc/passwd"):
        note(await awaited(loop.subprocess_exec(ProcessRecorder, program)))


run(main)
