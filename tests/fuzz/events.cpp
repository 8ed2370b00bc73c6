// Any bytes as the inside of a chunk (behind the CRCs, which would stop a fuzzer at the door), and
// the events that come out of it as a timeline and a report.
#include "report/json.h"
#include "report/text.h"
#include "source/memory.h"
#include "trace/codec.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace numadrift;
    std::vector<Event> events;
    trace::ChunkDecoder decoder({reinterpret_cast<const char*>(data), size});
    decoder.next(events, trace::kMaxEvents);
    MemorySource source(std::move(events));
    const auto report = make_report(source, {});
    static_cast<void>(render_json(*report));
    static_cast<void>(render_text(*report, {}));
    return 0;
}
