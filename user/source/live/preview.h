// What a recording on this machine would see, found by attaching for a moment without a target.
#pragma once

#include "event/event.h"
#include "util/result.h"

#include <vector>

namespace numadrift::live {

Result<std::vector<SourceState>> preview_sources();

} // namespace numadrift::live
