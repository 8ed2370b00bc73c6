// Threads as commands of the report name them.
#pragma once

#include "timeline/ids.h"
#include "util/result.h"

#include <string>
#include <vector>

namespace numadrift::cli {

// "4711-4718,4720". Error: it is no such list.
Status add_threads(const std::string& text, std::vector<Tid>& threads);

} // namespace numadrift::cli
