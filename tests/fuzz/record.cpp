// Any bytes as a ring record, and as what procfs and sysfs say.
#include "probe/topology.h"
#include "source/live/rings.h"
#include "util/lists.h"
#include "util/text.h"

#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace numadrift;
    Event event;
    static_cast<void>(live::decode_record(data, size, event));
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static_cast<void>(parse_list(text));
    for (const char byte : printable(text))
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) __builtin_trap();
    return 0;
}
