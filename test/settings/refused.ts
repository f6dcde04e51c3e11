import type { Refused } from "./changed.ts";
import { refusedOfKeys } from "./refused-keys.ts";
import { refusedOfServices } from "./refused-services.ts";
import { refusedOfStack } from "./refused-stack.ts";

/** Everything somebody may get wrong in a stack file. */
export const refused: Refused[] = [...refusedOfStack, ...refusedOfServices, ...refusedOfKeys];
