import { socketFacts } from "../../daemon/native/sockets.ts"
import { adoptionSuite } from "./adoption.ts"

adoptionSuite("a socket that was inherited (needs koffi)", socketFacts(0) !== null)
