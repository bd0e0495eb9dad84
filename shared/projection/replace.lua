-- Removes the key of the projection or of the stream if it cannot be written: it is of another type, or the last
-- possible id of the stream is taken. KEYS: projection, stream.
-- Returns the removed ones: 'projection' or 'stream' for another type, 'last_id' for such a stream. Fails with the
-- error of Redis if it may not remove one.
-- The questions write nothing: HGET reads, and the entry 0-1 is older than every entry of a stream.
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
