-- Writes the gateway records of some sessions and, if asked, their stream entries: all or none (SPEC §6.2).
-- KEYS: projection, stream, then one record key per session.
-- ARGV: epoch, stream length ('' writes no entries), then per session: record, instant in milliseconds at which the
--       record expires, number of texts in its stream entry, those texts.
-- Returns 'stale' and writes nothing if the epoch is not the projection's. Else returns 1-based places of sessions:
-- * positive: the record says revoked and the session active, so the record was kept.
-- * negative: the key was of another type and was replaced.

local function says_revoked(text)
    local readable, record = pcall(cjson.decode, text)
    return readable and type(record) == 'table' and record.status == 'revoked'
end

-- The text at a key, or false if there is none; then whether the key is of another type.
local function standing_at(key)
    local value = redis.pcall('GET', key)
    if type(value) ~= 'table' then return value, false end
    if string.find(value.err, 'WRONGTYPE', 1, true) then return false, true end
    return redis.call('GET', key)
end

if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
    return 'stale'
end

local places = {}
local at = 3
for place = 1, #KEYS - 2 do
    local key, record, ends, texts = KEYS[place + 2], ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
    local standing, is_foreign = standing_at(key)
    if standing and says_revoked(standing) and not says_revoked(record) then
        places[#places + 1] = place
    else
        if is_foreign then places[#places + 1] = -place end
        redis.call('SET', key, record, 'PXAT', ends)
        if ARGV[2] ~= '' then
            redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, at + 3, at + 2 + texts))
        end
    end
    at = at + 3 + texts
end
return places
