#include "report/html/assets.h"

// A symbol at the begin and one at the end of what the assembler put in (assets.S).
#define ND_ASSET(name)                                                                                       \
    extern "C" const char nd_asset_##name[];                                                                 \
    extern "C" const char nd_asset_##name##_end[];                                                           \
    namespace numadrift::html::assets {                                                                      \
    std::string_view name() {                                                                                \
        return {nd_asset_##name, static_cast<std::size_t>(nd_asset_##name##_end - nd_asset_##name)};         \
    }                                                                                                        \
    }

ND_ASSET(page)
ND_ASSET(style)
ND_ASSET(d3)
ND_ASSET(script)
