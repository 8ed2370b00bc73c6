// Any bytes as a trace file: never a crash. The CRCs keep most of them out; events.cpp goes behind.
#include "report/json.h"
#include "source/file.h"

#include <cstdint>
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace numadrift;
    static const int file = ::memfd_create("trace", 0);
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) return -1;
    auto source = FileSource::open(fmt::format("/proc/self/fd/{}", file));
    if (!source) return 0;
    if (const auto report = make_report(**source, {})) static_cast<void>(render_json(*report));
    return 0;
}
