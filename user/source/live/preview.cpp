#include "source/live/preview.h"

#include "source/live/programs.h"

namespace numadrift::live {

Result<std::vector<SourceState>> preview_sources() {
    const auto programs = Programs::attach({});
    if (!programs) return programs.error();
    return (*programs)->sources();
}

} // namespace numadrift::live
