// For `node --import`, as it was compiled.
import { register } from 'node:module'

register('./load.ts.js', import.meta.url)
