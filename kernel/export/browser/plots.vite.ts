import { scriptConfig } from "./script.vite.ts";

export default scriptConfig("plots");
