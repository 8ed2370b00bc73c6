#include "source/live/preview.h"

#include "source/live/programs.h"

namespace numadrift::live {

Result<std::vector<SourceState>> preview_sources() {
    ProgramOptions options;
    options.sample_hz = 1; // on one CPU, for a moment
    options.cpus = {0};
    options.pfn_ranges = pfn_ranges({});
    const auto programs = Programs::attach(options);
    if (!programs) return programs.error();
    return (*programs)->sources();
}

} // namespace numadrift::live
