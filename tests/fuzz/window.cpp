// Any bytes as a trace that a flight recorder holds, and its window cut again; and two such windows compared.
#include "window/window.h"
#include "report/compare.h"
#include "source/memory.h"
#include "trace/codec.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace numadrift;
    if (size < 2) return 0;
    std::vector<Event> events;
    trace::ChunkDecoder decoder({reinterpret_cast<const char*>(data + 2), size - 2});
    decoder.next(events, 4096);
    const auto moment = [](unsigned tenths) {
        return *TimePoint::parse("+" + std::to_string(tenths) + "00ms"); // "+000ms" is a moment, too
    };
    WindowSource window(std::make_unique<MemorySource>(events),
                        {moment(data[0]), moment(data[0] + data[1] + 1u)});
    MemorySource whole(events);
    const auto cut = make_report(window, {});
    const auto all = make_report(whole, {});
    if (!cut || !all) return 0; // nothing lies there
    const Comparison comparison = compare(*cut, *all, GroupBy::name);
    static_cast<void>(render_comparison(comparison, *cut, *all));
    static_cast<void>(render_comparison_json(comparison, *cut, *all));
    return 0;
}
