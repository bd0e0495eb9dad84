-- GCRA (generic cell rate algorithm, ITU-T I.371) for a batch of checks, on Redis' own clock, in microseconds.
-- KEYS: the keys of all limits. ARGV per check: number of limits, then for each: index of its key, interval, tolerance.
-- A key holds the theoretical arrival time (TAT) of the next call. A check passes only if all its limits allow it. Only
-- then does it count on each. Returns per check the microseconds to wait, 0 for "passed", or -1 for "passed, and a key
-- that held no arrival time was replaced".
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrivals, changed, foreign, answers = {}, {}, {}, {}

local function stored(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then redis.call('GET', key) end
  local at = value == false and now or type(value) == 'string' and tonumber(value) or nil
  foreign[key] = at == nil
  return at or now
end

local function arrival(key, interval, tolerance)
  local at = arrivals[key] or stored(key)
  -- An arrival further ahead than this limit can reach means that the clock went back, or the limit was lowered.
  if not (at >= now and at <= now + interval + tolerance) then at = now end
  return at
end

local place = 1
while place <= #ARGV do
  local limits, wait = tonumber(ARGV[place]), 0
  for limit = 0, limits - 1 do
    local first = place + 1 + 3 * limit
    local interval, tolerance = tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
    wait = math.max(wait, arrival(KEYS[tonumber(ARGV[first])], interval, tolerance) - tolerance - now)
  end
  if wait <= 0 then
    wait = 0
    for limit = 0, limits - 1 do
      local first = place + 1 + 3 * limit
      local key, interval = KEYS[tonumber(ARGV[first])], tonumber(ARGV[first + 1])
      if foreign[key] then wait = -1 end
      arrivals[key] = arrival(key, interval, tonumber(ARGV[first + 2])) + interval
      changed[key] = true
    end
  end
  answers[#answers + 1] = wait
  place = place + 1 + 3 * limits
end

for key in pairs(changed) do
  redis.call('SET', key, string.format('%.0f', arrivals[key]), 'PX', math.ceil((arrivals[key] - now) / 1000))
end
return answers
