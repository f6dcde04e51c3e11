return {
  ["*.apps.girlycrea.test"] = {
    ["addresses"] = {
      "198.18.1.30",
    },
    ["https"] = false,
    ["mode"] = "full",
  },
  ["first.girlycrea.test"] = {
    ["affinity"] = {
      ["samesite"] = "None",
      ["secure"] = "Always",
      ["ttl"] = 82800,
    },
    ["fallback"] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ["https"] = false,
    ["mode"] = "full",
    ["pools"] = {
      {
        ["id"] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ["minimum"] = 1,
        ["weight"] = 0.9,
      },
      {
        ["id"] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ["minimum"] = 1,
        ["weight"] = 0.1,
      },
    },
    ["weighted"] = false,
  },
  ["out.girlycrea.test"] = {
    ["addresses"] = {},
    ["https"] = false,
    ["mode"] = "full",
  },
  ["pair.girlycrea.test"] = {
    ["addresses"] = {
      "198.18.1.20",
      "198.18.1.21",
    },
    ["https"] = false,
    ["mode"] = "full",
  },
  ["shop.girlycrea.test"] = {
    ["affinity"] = {
      ["samesite"] = "Lax",
      ["secure"] = "Auto",
      ["ttl"] = 82800,
    },
    ["fallback"] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ["https"] = false,
    ["mode"] = "full",
    ["pools"] = {
      {
        ["id"] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ["minimum"] = 1,
        ["weight"] = 0.9,
      },
      {
        ["id"] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ["minimum"] = 1,
        ["weight"] = 0.1,
      },
    },
    ["weighted"] = true,
  },
  ["www.girlycrea.test"] = {
    ["affinity"] = {
      ["samesite"] = "Lax",
      ["secure"] = "Auto",
      ["ttl"] = 82800,
    },
    ["fallback"] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ["https"] = false,
    ["mode"] = "full",
    ["pools"] = {
      {
        ["id"] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ["minimum"] = 1,
        ["weight"] = 0.9,
      },
      {
        ["id"] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ["minimum"] = 1,
        ["weight"] = 0.1,
      },
    },
    ["weighted"] = true,
  },
}
