/** All measures, in the order of the table. */
import type { Measure } from "../measure.ts"
import { datagrams } from "./datagrams.ts"
import { echo } from "./echo.ts"
import { manyTransports } from "./manyTransports.ts"
import { memory } from "./memory.ts"
import { oneWay } from "./oneWay.ts"
import { openssh } from "./openssh.ts"
import { processes } from "./processes.ts"
import { python } from "./python.ts"
import { request } from "./request.ts"
import { roundTrip } from "./roundTrip.ts"
import { scaling } from "./scaling.ts"
import { smallMessages } from "./smallMessages.ts"
import { start } from "./start.ts"
import { stoppedClient } from "./stoppedClient.ts"
import { tunnel } from "./tunnel.ts"

export const MEASURES: readonly Measure[] = [
  echo,
  oneWay,
  roundTrip,
  tunnel,
  manyTransports,
  smallMessages,
  request,
  datagrams,
  processes,
  start,
  memory,
  stoppedClient,
  openssh,
  scaling,
  python,
]
