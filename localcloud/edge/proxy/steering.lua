-- Steers requests to pools and origins by the table in routes.lua. The table is read again whenever it changes, also by a worker
-- that is being replaced and still finishes its connections: weights are obeyed by every request, whoever serves it.

local PATH = "/etc/haproxy/routes.lua"
local CARDS = 100
local SUFFIX = "%-regardless$"

local routes, text, decks = {}, nil, {}

local function pools_known(route)
  for _, pool in ipairs(route.pools or {}) do
    if core.backends["health-" .. pool.id] == nil then
      return false
    end
  end
  return route.fallback == nil or core.backends["health-" .. route.fallback] ~= nil
end

-- A worker that was started before a pool was made cannot send anything there: it keeps what it had for that name.
local function adopt(fresh)
  for name, route in pairs(fresh) do
    if not pools_known(route) and routes[name] ~= nil then
      fresh[name] = routes[name]
    end
  end
  routes, decks = fresh, {}
end

local function read_routes()
  local file = io.open(PATH, "r")
  if file == nil then
    return "no " .. PATH
  end
  local present = file:read("a")
  file:close()
  if present == text then
    return nil
  end
  local chunk, problem = load(present, "routes", "t", {})
  if chunk == nil then
    return problem
  end
  adopt(chunk())
  text = present
  return nil
end

core.register_init(read_routes)

core.register_task(function()
  while true do
    core.msleep(250)
    read_routes()
  end
end)

core.register_cli({ "localcloud", "routes" }, "localcloud routes: read the routes now", function(applet)
  applet:send((read_routes() or "ok") .. "\n")
end)

local function is_healthy(pool)
  local backend = core.backends["health-" .. pool.id]
  return backend ~= nil and backend:get_srv_act() >= pool.minimum
end

local function shuffle(cards)
  for i = #cards, 2, -1 do
    local j = math.random(i)
    cards[i], cards[j] = cards[j], cards[i]
  end
  return cards
end

-- A deck holds every pool as often as its share of a hundred says, in random order: shares are exact over each hundred choices,
-- and nobody can foresee the next one. What is left over after whole cards is drawn by lot.
local function deal(pools, total)
  local cards, rest, left = {}, {}, 0
  for _, pool in ipairs(pools) do
    local exact = pool.weight / total * CARDS
    local whole = math.floor(exact + 1e-9)
    for _ = 1, whole do
      cards[#cards + 1] = pool
    end
    rest[#rest + 1] = { pool = pool, part = math.max(0, exact - whole) }
    left = left + rest[#rest].part
  end
  while #cards < CARDS and left > 1e-6 do
    local lot = math.random() * left
    for _, each in ipairs(rest) do
      lot = lot - each.part
      if lot <= 0 then
        cards[#cards + 1] = each.pool
        break
      end
    end
  end
  return shuffle(cards)
end

local function draw(host, pools)
  local total, key = 0, host
  for _, pool in ipairs(pools) do
    total = total + pool.weight
    key = key .. " " .. pool.id
  end
  local deck = decks[key]
  if deck == nil or #deck == 0 then
    deck = deal(pools, total)
    decks[key] = deck
  end
  return table.remove(deck)
end

-- Pools that may get new sessions now.
local function candidates(route)
  local found = {}
  for _, pool in ipairs(route.pools) do
    if (pool.weight > 0 or not route.weighted) and is_healthy(pool) then
      found[#found + 1] = pool
    end
  end
  return found
end

local function choose(host, route, found)
  if #found == 0 then
    return route.fallback
  end
  if not route.weighted then
    return found[1].id
  end
  return draw(host, found).id
end

-- The cookie holds as long as its pool is among those that get new sessions.
local function remembered(cookie, found)
  local id, origin = string.match(cookie or "", "^(%x+)%.([%w-]+)$")
  for _, pool in ipairs(found) do
    if pool.id == id then
      return id, origin
    end
  end
  return nil, nil
end

local function find_route(host)
  local route = routes[host]
  if route == nil then
    route = routes["*" .. (string.match(host, "%..*$") or "")]
  end
  return route
end

local function steer_balancer(txn, host, route, mode)
  local found = candidates(route)
  local id, origin
  if route.affinity ~= nil then
    id, origin = remembered(txn.sf:req_cook("__cflb"), found)
  end
  id = id or choose(host, route, found)
  txn:set_var("txn.backend", "pool-" .. id .. "-" .. mode)
  txn:set_var("txn.pool", id)
  txn:set_var("txn.origin", origin or "")
end

local function steer_record(txn, route, mode)
  if #route.addresses == 0 then
    txn:set_var("txn.refusal", "origin")
    return
  end
  txn:set_var("txn.address", route.addresses[math.random(#route.addresses)])
  txn:set_var("txn.backend", "record-" .. mode)
end

-- A boolean comes as a number, and every number is true here.
local function is_secure(txn)
  return txn.sf:ssl_fc() == "1"
end

core.register_action("steer", { "http-req" }, function(txn)
  local host = txn:get_var("txn.host") or ""
  local route = find_route(host)
  if route == nil then
    txn:set_var("txn.refusal", "name")
    return
  end
  local secure = is_secure(txn)
  if route.https and not secure then
    txn:set_var("txn.refusal", "scheme")
    return
  end
  local mode = secure and route.mode or "http"
  if route.pools ~= nil then
    steer_balancer(txn, host, route, mode)
  else
    steer_record(txn, route, mode)
  end
end)

local function cookie_for(affinity, value, secure)
  local expires = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + affinity.ttl)
  local cookie = "__cflb=" .. value .. "; SameSite=" .. affinity.samesite .. "; path=/; expires=" .. expires .. "; HttpOnly"
  if affinity.secure == "Always" or (affinity.secure == "Auto" and secure) then
    cookie = cookie .. "; Secure"
  end
  return cookie
end

-- Tells the client which origin served it, unless it knows.
core.register_action("remember", { "http-res" }, function(txn)
  local pool = txn:get_var("txn.pool")
  local route = find_route(txn:get_var("txn.host") or "")
  if pool == nil or route == nil or route.affinity == nil then
    return
  end
  local origin = string.gsub(txn.f:srv_name() or "", SUFFIX, "")
  if origin ~= "" and origin ~= txn:get_var("txn.origin") then
    local value = pool .. "." .. origin
    txn.http:res_add_header("Set-Cookie", cookie_for(route.affinity, value, is_secure(txn)))
  end
end)
