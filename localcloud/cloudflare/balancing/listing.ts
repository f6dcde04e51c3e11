import { z } from "zod";
import { pageQuery } from "../envelope.ts";

export const listQuery = z.object({ ...pageQuery });
/** Lists of load-balancing objects come whole in practice. */
export const PAGE_SIZE = 1000;
