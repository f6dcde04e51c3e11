import type { KeysStatus } from "../migration/mover/keys/status.ts";
import { sayUndeclared } from "../migration/redis/count.ts";
import { refusal } from "./errors.ts";
import type { Report } from "./report.ts";

/**
 * Says what is promised of the keys, before anybody is asked whether to go.
 * @throws OperatorError with exit 30 where they could not follow the rows
 */
export function tellKeys(keys: KeysStatus, stackName: string, report: Report): void {
  const stack = `--stack ${stackName}`;
  const { state, lag, why, promises, count, troubles } = keys;
  if (state !== "following")
    throw refusal(
      `green's keys are not current (${[state, why].filter((text) => text !== undefined).join(": ")})`,
      `bascule sync ${stack}`,
    );
  const undeclared = sayUndeclared(count?.undeclared ?? []);
  if (undeclared !== undefined)
    throw refusal(undeclared, "declare each in bascule:redis.move (docs/data.md), pulumi up, then the cutover");
  if (troubles > 0)
    throw refusal(`${troubles} keys cannot be carried to green`, `bascule inspect ${stack} says which and why`);
  report.line(`the keys follow, ${lag?.keys ?? 0} behind. What is promised of them:`);
  for (const promise of promises) report.line(`  ${promise}`);
}
