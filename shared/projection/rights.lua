-- Checks whether this user may write a key that a login writes; writes nothing. KEYS: one key. ARGV: the kind of key.
-- Redis refuses each of these commands first for missing rights, as a replica or for lack of memory. Only then does it
-- refuse their arguments. Returns '' or the code of the refusal.
local harmless = {
    record = {'SET', KEYS[1], '', 'XX', 'PX', 1},
    rate_limit = {'SET', KEYS[1], '', 'XX', 'PX', 1},
    projection = {'HSET', KEYS[1], 'a field', 'its value', 'a field without a value'},
    stream = {'XADD', KEYS[1], 'NOMKSTREAM', '0-1', 'no', 'entry'},
}
local answer = redis.pcall(unpack(harmless[ARGV[1]]))
if type(answer) ~= 'table' or not answer.err then return '' end
if string.find(answer.err, 'ID specified', 1, true) or string.find(answer.err, 'wrong number', 1, true) then return '' end
return string.match(answer.err, '%f[%u](%u%u+)%f[%s]') or 'error'
