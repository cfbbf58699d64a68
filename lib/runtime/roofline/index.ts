/** The limits of the machine at hand. */
export {
  type Bandwidth,
  measureRoofline,
  type Peak,
  type Roofline,
  type RooflineOptions,
  roofline,
} from "./measure.ts";
export type { Tile } from "./probes.ts";
