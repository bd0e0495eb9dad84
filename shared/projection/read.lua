-- Reads records with their expiry. KEYS: records.
-- Returns, for each key, its value and the instant of its expiry in milliseconds since 1970, or -1 for never. The value
-- is false if there is none, and an empty text if the key is of another type and so no record.
-- From Redis 7 on, PEXPIRETIME would give the instant.
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
