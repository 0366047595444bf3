-- For wrk: sends the requests of a file one after the other, and starts over at its end.
-- A line is a path, a key (may be empty) and a JSON body, with tabs between them.
local requests = {}
local at = 0

function init(args)
    for line in io.lines(args[1]) do
        local path, key, body = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
        local headers = { ["Content-Type"] = "application/json" }
        if key ~= "" then
            headers["api-key"] = key
        end
        requests[#requests + 1] = wrk.format("POST", path, headers, body)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency, _)
    local failed = summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout
    io.write(string.format(
        '{"requests":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
