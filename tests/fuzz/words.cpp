// Any bytes as what people and procfs write: moments, conditions, cgroup paths, thread names.
#include "probe/cgroup.h"
#include "report/groups.h"
#include "trigger/condition.h"
#include "window/time_point.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace numadrift;
    const std::string text(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 4096));
    if (const auto point = TimePoint::parse(text)) static_cast<void>(point->since(1'700'000'000'000'000'000));
    if (const auto condition = trigger::parse_condition(text); condition && condition->length_ns == 0)
        std::abort();
    static_cast<void>(probe::name_of_cgroup(text).label());
    if (name_pattern(text).size() > text.size()) std::abort();
    return 0;
}
