-- Removes what stands in the place of the projection or of the stream and is of another type: nothing could be written
-- there. KEYS: projection, stream. Returns the names of those it removed: 'projection', 'stream'; and the error of Redis
-- where it may not.
-- The questions write nothing: an HGET reads, and an entry 0-1 is older than any that a stream has.
local questions = {
    projection = {KEYS[1], {'HGET', KEYS[1], 'epoch'}},
    stream = {KEYS[2], {'XADD', KEYS[2], 'NOMKSTREAM', '0-1', 'no', 'entry'}},
}
local removed = {}
for name, question in pairs(questions) do
    local answer = redis.pcall(unpack(question[2]))
    if type(answer) == 'table' and answer.err and string.find(answer.err, 'WRONGTYPE', 1, true) then
        redis.call('DEL', question[1])
        removed[#removed + 1] = name
    end
end
return removed
