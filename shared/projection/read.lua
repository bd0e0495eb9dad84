-- Reads records with the instant at which each one goes. KEYS: records.
-- Returns, for each key, its value (false: none; an empty text: a key of another type, so no record) and that instant in
-- milliseconds since 1970 (-1: never).
-- (PEXPIRETIME would say it, from Redis 7 on.)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function value_of(key)
    local value = redis.pcall('GET', key)
    if type(value) ~= 'table' then return value end
    if string.find(value.err, 'WRONGTYPE', 1, true) then return '' end
    return redis.call('GET', key)
end

local answer = {}
for place, key in ipairs(KEYS) do
    local remaining = redis.call('PTTL', key)
    answer[place] = {value_of(key), remaining < 0 and -1 or now + remaining}
end
return answer
