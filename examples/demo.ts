/**
 * `npm run demo`: a daemon in a process of its own, and what its clients see. Every line with a mark was checked; the
 * exit status is not 0 when one did not hold. One file per scene in `demo/`.
 */
import { backPressure } from "./demo/backPressure.ts"
import { startDaemon } from "./demo/daemonProcess.ts"
import { echo } from "./demo/echo.ts"
import { killedClient } from "./demo/killedClient.ts"
import { Stage } from "./demo/stage.ts"
import { subprocess } from "./demo/subprocess.ts"

const stage = new Stage()
const daemon = await startDaemon()
try {
  const client = await daemon.join("demo")
  stage.say(
    `the daemon is process ${daemon.pid}; we are process ${process.pid}, its client ${client.greeting.clientId}`,
  )

  stage.scene("A TCP echo: both ends belong to the daemon")
  await echo(stage, client)

  stage.scene("A process and its output")
  await subprocess(stage, client)

  stage.scene("A slow reader")
  await backPressure(stage, client)

  stage.scene("A client is killed")
  await killedClient(stage, client, daemon)

  stage.scene("The end")
  await client.close()
  stage.say("we said good-bye")
} finally {
  const status = await daemon.stop()
  stage.expect("the daemon, told to end, ended with status 0", status === 0, status)
}
stage.say("")
stage.say(`${stage.claims - stage.broken} of ${stage.claims} claims hold`)
process.exitCode = stage.broken === 0 ? 0 : 1
