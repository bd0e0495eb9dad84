-- The keeper's beat (SPEC §6.4). KEYS: projection. ARGV: epoch, last beat, next beat, state.
-- Returns 1. Returns 0 and writes nothing if epoch or last beat are not those that the keeper wrote: Redis lost data or
-- went back.
local standing = redis.call('HMGET', KEYS[1], 'epoch', 'beat')
if standing[1] ~= ARGV[1] or standing[2] ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], 'beat', ARGV[3], 'state', ARGV[4])
return 1
