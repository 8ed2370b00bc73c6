#include "source/live/preview.h"

#include "probe/topology.h"
#include "source/live/programs.h"

namespace numadrift::live {

Result<std::vector<SourceState>> preview_sources() {
    ProgramOptions options;
    options.sample_hz = 1; // on one CPU, for a moment
    options.cpus = {0};
    for (const auto& range : probe::read_pfn_ranges({}))
        options.pfn_ranges.push_back({range.first, range.last, raw(range.node), 0});
    const auto programs = Programs::attach(options);
    if (!programs) return programs.error();
    return (*programs)->sources();
}

} // namespace numadrift::live
