-- Removes what stands in the place of the projection or of the stream if nothing can be written there: it is of another
-- type, or the stream's last possible id is taken. KEYS: projection, stream. Returns what it removed: 'projection',
-- 'stream' (of another type), 'last_id' (the stream); and the error of Redis where it may not.
-- The questions write nothing: an HGET reads, and an entry 0-1 is older than any that a stream has.
local questions = {
    projection = {KEYS[1], {'HGET', KEYS[1], 'epoch'}},
    stream = {KEYS[2], {'XADD', KEYS[2], 'NOMKSTREAM', '0-1', 'no', 'entry'}},
}

local function fault(name, answer)
    if type(answer) ~= 'table' or not answer.err then return nil end
    if string.find(answer.err, 'WRONGTYPE', 1, true) then return name end
    return string.find(answer.err, 'exhausted', 1, true) and 'last_id'
end

local removed = {}
for name, question in pairs(questions) do
    local found = fault(name, redis.pcall(unpack(question[2])))
    if found then
        redis.call('DEL', question[1])
        removed[#removed + 1] = found
    end
end
return removed
