/** The stand-in of `random`: values that are made once and then live in the state. */
import type { Provider } from "../define.ts";
import { RandomBytes, RandomId, RandomInteger, RandomUuid } from "./numbers.ts";
import { RandomPassword, RandomString } from "./text.ts";

export const provider: Provider<null> = {
  name: "random",
  version: "4.21.2",
  notesDefaults: true,
  config: {},
  configure: () => null,
  resources: {
    "random:index/randomPassword:RandomPassword": RandomPassword,
    "random:index/randomString:RandomString": RandomString,
    "random:index/randomBytes:RandomBytes": RandomBytes,
    "random:index/randomId:RandomId": RandomId,
    "random:index/randomInteger:RandomInteger": RandomInteger,
    "random:index/randomUuid:RandomUuid": RandomUuid,
  },
  functions: {},
};
