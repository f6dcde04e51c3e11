import { setCommand } from "../problems.ts";
import { problem, type Rule } from "./rule.ts";

/** Visitors who are sent to a closed site see an outage. */
const openWhereTrafficGoes: Rule = ({ nginx, traffic }) =>
  nginx?.serve === false && traffic && traffic.weight > 0
    ? [
        problem(
          "bascule:nginx.serve",
          `got false with bascule:traffic.weight ${traffic.weight}; allowed: true while green has traffic. Set it: ${setCommand("bascule:nginx.serve", "true")}`,
        ),
      ]
    : [];

/** A path that is hidden and asked by every health check would take green out of the pool. */
const healthIsNotHidden: Rule = ({ nginx, app }) =>
  app && nginx?.privatePaths.includes(app.healthPath)
    ? [
        problem(
          "bascule:nginx.privatePaths",
          `got "${app.healthPath}", which is bascule:app.healthPath; allowed: other paths. Set it: ${setCommand("bascule:nginx.privatePaths[0]", "/metrics")}`,
        ),
      ]
    : [];

export const webRules: readonly Rule[] = [openWhereTrafficGoes, healthIsNotHidden];
