// Which memory a thread used when it was interrupted, from its registers and the code around ip
// (x86-64). Pure: no process is looked at.
//
// Owns: the recipes of code met before. Does not own: what is at the address (mappings.h, page_query.h).
#pragma once

#include "sampling/raw_sample.h"

#include <functional>
#include <memory>
#include <unordered_map>

namespace numadrift::sampling {

struct Access {
    enum class Kind {
        exact,  // this address was used, or is used next
        base,   // the index is gone: somewhere near this address
        copy,   // one end of a copy by the kernel for the thread: the user's, or the kernel's own
        own,    // the thread's own stack and thread locals, or a spin loop, and nothing else near ip
        opaque, // no address can be worked out
    };
    Kind kind = Kind::opaque;
    std::uint64_t address = 0;
};

// What is said of a recipe, by nd_access_kind.
Access::Kind kind_of(std::uint32_t access);

class CodeReader;

class Decoder {
public:
    // Is told each recipe when it is new.
    using Learned = std::function<void(const nd_recipe_key&, const nd_recipe&)>;

    explicit Decoder(Learned learned = {});
    ~Decoder();

    Access decode(const RawSample& sample);

    static nd_recipe_key key_of(const RawSample& sample);

private:
    struct Hash {
        std::size_t operator()(const nd_recipe_key& key) const;
    };
    struct Same {
        bool operator()(const nd_recipe_key& one, const nd_recipe_key& other) const;
    };

    Learned learned_;
    std::unique_ptr<CodeReader> reader_;
    std::unordered_map<nd_recipe_key, nd_recipe, Hash, Same> recipes_;
    std::uint32_t turn_ = 0; // of a copy's two ends
};

} // namespace numadrift::sampling
