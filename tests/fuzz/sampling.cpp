// Any bytes as machine code with registers, as a maps file, and as a numa_maps file.
#include "probe/numa_maps.h"
#include "sampling/decoder.h"
#include "sampling/mappings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace numadrift;
    static sampling::Decoder decoder;
    sampling::RawSample sample;
    const std::size_t head = sizeof sample.registers + 4;
    if (size > head) {
        std::memcpy(sample.registers.data(), data, sizeof sample.registers);
        sample.stack.sp = sample.registers[7];
        sample.ip = data[head - 4] * std::uint64_t{4096};
        sample.where = static_cast<sampling::Where>(data[head - 3] % 3);
        sample.code_before = data[head - 2];
        sample.code_bytes = static_cast<std::uint32_t>(std::min(size - head, sampling::kCodeBytes));
        std::copy_n(data + head, sample.code_bytes, sample.code.begin());
        static_cast<void>(decoder.decode(sample));
    }
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto mappings = sampling::Mappings::parse(text);
    for (const auto& mapping : mappings.all()) static_cast<void>(mappings.find(mapping.begin));
    static_cast<void>(probe::parse_numa_maps(text));
    return 0;
}
