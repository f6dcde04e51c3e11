import type { ServerType } from "../schemas.ts";
import { locations } from "./locations.ts";

const EU = ["fsn1", "nbg1", "hel1"];
const US = ["ash", "hil"];
const ASIA = ["sin"];
const EVERYWHERE = [...EU, ...US, ...ASIA];
const VAT = 1.19;
const HOURS_PER_MONTH = 625;
const TIB = 1024 ** 4;
/** Only Europe includes 20 TB of traffic; elsewhere it starts at 1 TB. */
const trafficOf = (location: string): number => (EU.includes(location) ? 20 * TIB : 1 * TIB);

interface Row {
  id: number;
  name: string;
  cores: number;
  memory: number;
  disk: number;
  /** Net price of a month in euros. */
  monthly: number;
  sold: string[];
}

const rows: Row[] = [
  { id: 114, name: "cx23", cores: 2, memory: 4, disk: 40, monthly: 2.99, sold: EU },
  { id: 115, name: "cx33", cores: 4, memory: 8, disk: 80, monthly: 4.99, sold: EU },
  { id: 116, name: "cx43", cores: 8, memory: 16, disk: 160, monthly: 8.99, sold: EU },
  { id: 117, name: "cx53", cores: 16, memory: 32, disk: 320, monthly: 16.99, sold: EU },
  { id: 22, name: "cpx11", cores: 2, memory: 2, disk: 40, monthly: 4.49, sold: [...US, ...ASIA] },
  { id: 23, name: "cpx21", cores: 3, memory: 4, disk: 80, monthly: 8.99, sold: [...US, ...ASIA] },
  { id: 24, name: "cpx31", cores: 4, memory: 8, disk: 160, monthly: 15.99, sold: [...US, ...ASIA] },
  { id: 25, name: "cpx41", cores: 8, memory: 16, disk: 240, monthly: 29.99, sold: [...US, ...ASIA] },
  { id: 26, name: "cpx51", cores: 16, memory: 32, disk: 360, monthly: 59.99, sold: [...US, ...ASIA] },
  { id: 108, name: "cpx12", cores: 1, memory: 2, disk: 40, monthly: 4.49, sold: EU },
  { id: 109, name: "cpx22", cores: 2, memory: 4, disk: 80, monthly: 5.99, sold: EU },
  { id: 110, name: "cpx32", cores: 4, memory: 8, disk: 160, monthly: 10.49, sold: EU },
  { id: 111, name: "cpx42", cores: 8, memory: 16, disk: 320, monthly: 18.99, sold: EU },
  { id: 112, name: "cpx52", cores: 12, memory: 24, disk: 480, monthly: 26.99, sold: EU },
  { id: 45, name: "cax11", cores: 2, memory: 4, disk: 40, monthly: 3.29, sold: EU },
  { id: 93, name: "cax21", cores: 4, memory: 8, disk: 80, monthly: 5.99, sold: EU },
  { id: 94, name: "cax31", cores: 8, memory: 16, disk: 160, monthly: 11.99, sold: EU },
  { id: 95, name: "cax41", cores: 16, memory: 32, disk: 320, monthly: 23.99, sold: EU },
  { id: 96, name: "ccx13", cores: 2, memory: 8, disk: 80, monthly: 11.99, sold: EVERYWHERE },
  { id: 97, name: "ccx23", cores: 4, memory: 16, disk: 160, monthly: 23.99, sold: EVERYWHERE },
  { id: 98, name: "ccx33", cores: 8, memory: 32, disk: 240, monthly: 47.99, sold: EVERYWHERE },
  { id: 99, name: "ccx43", cores: 16, memory: 64, disk: 360, monthly: 95.99, sold: EVERYWHERE },
  { id: 100, name: "ccx53", cores: 32, memory: 128, disk: 600, monthly: 191.99, sold: EVERYWHERE },
  { id: 101, name: "ccx63", cores: 48, memory: 192, disk: 960, monthly: 287.99, sold: EVERYWHERE },
];

const money = (net: number): { net: string; gross: string } => ({
  net: net.toFixed(10),
  gross: (net * VAT).toFixed(16),
});

const CATEGORIES: Record<string, string> = {
  cx: "Cost-Optimized",
  cax: "Cost-Optimized",
  cpx: "Regular Performance",
  ccx: "General Purpose",
};

function serverType(row: Row): ServerType {
  const family = row.name.replace(/\d+$/, "");
  return {
    id: row.id,
    name: row.name,
    description: row.name.toUpperCase(),
    category: CATEGORIES[family] ?? "",
    cores: row.cores,
    memory: row.memory,
    disk: row.disk,
    deprecated: false,
    deprecation: null,
    storage_type: "local",
    cpu_type: family === "ccx" ? "dedicated" : "shared",
    architecture: family === "cax" ? "arm" : "x86",
    prices: row.sold.map((location) => ({
      location,
      price_hourly: money(row.monthly / HOURS_PER_MONTH),
      price_monthly: money(row.monthly),
      included_traffic: trafficOf(location),
      price_per_tb_traffic: money(location === "sin" ? 7.4 : 1),
    })),
    locations: locations
      .filter((location) => row.sold.includes(location.name))
      .map(({ id, name }) => ({ id, name, recommended: true, available: true, deprecation: null })),
  };
}

export const serverTypes: ServerType[] = rows.map(serverType);

export function findServerType(nameOrId: string): ServerType | undefined {
  return serverTypes.find((type) => type.name === nameOrId || String(type.id) === nameOrId);
}

/** The type of a record; records only ever hold names from the table above. */
export function serverTypeNamed(name: string): ServerType {
  const found = serverTypes.find((type) => type.name === name);
  if (found === undefined) {
    throw new Error(`state.json names the server type '${name}', which does not exist`);
  }
  return found;
}

export function isSold(type: ServerType, location: string): boolean {
  return type.locations.some((each) => each.name === location && each.available);
}
