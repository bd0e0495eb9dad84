-- Reads records with the instant at which each one goes. KEYS: records.
-- Returns, for each key, its value (false: none; empty: a key of another type) and that instant in milliseconds since 1970 (-1: never).
-- (PEXPIRETIME would say it, from Redis 7 on.)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = {}
for place, key in ipairs(KEYS) do
    local remaining = redis.call('PTTL', key)
    local value = redis.pcall('GET', key)
    answer[2 * place - 1] = type(value) == 'table' and '' or value
    answer[2 * place] = remaining < 0 and -1 or now + remaining
end
return answer
