#include "cli/thread_list.h"

#include "util/lists.h"

#include <fmt/core.h>

namespace numadrift::cli {

Status add_threads(const std::string& text, std::vector<Tid>& threads) {
    const auto numbers = parse_list(text);
    if (numbers.empty())
        return Error{fmt::format("{} is no list of threads", text), "as in 4711-4718,4720", true};
    for (const std::uint32_t number : numbers) threads.push_back(Tid{number});
    return Done{};
}

} // namespace numadrift::cli
