/** What the generated catalogue is made of. Order matters: another order is another catalogue. */
export const CATEGORIES = [
  "Necklaces",
  "Bracelets",
  "Earrings",
  "Rings",
  "Brooches",
  "Bags",
  "Scarves",
  "Hats",
  "Cards",
  "Candles",
];
export const COUNTRIES = ["France", "Belgium", "Germany", "Switzerland", "Italy", "Spain", "Portugal", "Austria"];
export const CITIES = [
  "Lyon",
  "Nantes",
  "Liège",
  "Köln",
  "Genève",
  "Torino",
  "Bilbao",
  "Porto",
  "Graz",
  "Lille",
  "Metz",
  "Gent",
];
export const STREETS = [
  "Rue du Port",
  "Quai Nord",
  "Bridge Lane",
  "Marktgasse",
  "Via Roma",
  "Calle Mayor",
  "Allée des Tilleuls",
];
export const FIRST_NAMES = [
  "ALICE",
  "BASTIEN",
  "CAMILLE",
  "DANIEL",
  "ELISE",
  "FARID",
  "GRETA",
  "HUGO",
  "INES",
  "JULES",
  "KATIA",
  "LEO",
];
export const LAST_NAMES = [
  "MARTIN",
  "DUBOIS",
  "MOREL",
  "LAMBERT",
  "WEBER",
  "KELLER",
  "ROSSI",
  "GARCIA",
  "SILVA",
  "HUBER",
  "PETIT",
  "ROY",
];
export const COLOURS = [
  "AMBER",
  "AZURE",
  "CORAL",
  "EMERALD",
  "GOLDEN",
  "INDIGO",
  "IVORY",
  "PEARL",
  "ROSE",
  "SILVER",
  "SMOKE",
  "VIOLET",
];
export const MATERIALS = ["COTTON", "LINEN", "GLASS", "WOOD", "SILK", "FELT", "CLAY", "BRASS", "LEATHER", "PAPER"];
export const OBJECTS = ["GARLAND", "PENDANT", "BANGLE", "STUD", "BAND", "PIN", "POUCH", "SHAWL", "BERET", "LANTERN"];
export const RATINGS = ["G", "PG", "PG-13", "R", "NC-17"];
export const FEATURES = ["{Gift wrap}", "{Gift wrap,Engraving}", "{Engraving}", "{Handmade,Limited}"];
