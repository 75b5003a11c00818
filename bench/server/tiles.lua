-- Tiles as walkers ask for them: most near the homes of people, some in between, few from afar.
--   wrk -t2 -c64 -d60s --latency -s tiles.lua http://127.0.0.1:7420
-- RING is how many plots around the middle are walked: 158 for a hundred thousand people.
local ring = tonumber(os.getenv("RING") or "158")
local seeded = 0

function setup(thread)
  seeded = seeded + 1
  thread:set("seed", seeded)
end

function init()
  math.randomseed(seed * 7919)
end

function request()
  local px, py = math.random(-ring, ring), math.random(-ring, ring)
  local kind = math.random(10)
  local z, x, y
  if kind <= 6 then
    z, x, y = 0, px * 8 + math.random(3, 4), py * 8 + math.random(3, 4)
  elseif kind <= 8 then
    z, x, y = 2, px * 2 + math.random(0, 1), py * 2 + math.random(0, 1)
  elseif kind == 9 then
    z = math.random(3, 6)
    local by = 2 ^ (z - 3)
    x, y = math.floor(px / by), math.floor(py / by)
  else
    z = math.random(7, 20)
    local by = 2 ^ (z - 3)
    x, y = math.floor(px / by), math.floor(py / by)
  end
  return wrk.format("GET", string.format("/api/v1/shared/tiles/%d/%d/%d", z, x, y))
end
