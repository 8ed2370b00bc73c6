#include "sampling/decoder.h"

#include "sampling/machine_code.h"
#include "sampling/recipe.h"

#include <cstring>

namespace numadrift::sampling {
namespace {

constexpr std::size_t kMostRecipes = ND_MOST_RECIPES; // position-independent programs have new ones each time

} // namespace

Access::Kind kind_of(std::uint32_t access) {
    switch (access) {
    case ND_ACCESS_exact: return Access::Kind::exact;
    case ND_ACCESS_base: return Access::Kind::base;
    case ND_ACCESS_copy: return Access::Kind::copy;
    case ND_ACCESS_own: return Access::Kind::own;
    default: return Access::Kind::opaque;
    }
}

std::size_t Decoder::Hash::operator()(const nd_recipe_key& key) const {
    return static_cast<std::size_t>(nd_code_hash_step(key.ip + key.where, key.code));
}

bool Decoder::Same::operator()(const nd_recipe_key& one, const nd_recipe_key& other) const {
    return one.ip == other.ip && one.code == other.code && one.where == other.where;
}

Decoder::Decoder(Learned learned) : learned_(std::move(learned)), reader_(std::make_unique<CodeReader>()) {}
Decoder::~Decoder() = default;

// The same as the sampling program reckons it.
nd_recipe_key Decoder::key_of(const RawSample& sample) {
    u64 hash = sample.code_bytes;
    for (std::size_t at = 0; at < kCodeBytes; at += sizeof(u64)) {
        u64 word = 0;
        std::memcpy(&word, &sample.code[at], sizeof word);
        hash = nd_code_hash_step(hash, word);
    }
    return {sample.ip, hash, static_cast<u64>(sample.where)};
}

Access Decoder::decode(const RawSample& sample) {
    const nd_recipe_key key = key_of(sample);
    auto known = recipes_.find(key);
    if (known == recipes_.end()) {
        if (recipes_.size() >= kMostRecipes) recipes_.clear();
        known = recipes_.emplace(key, compile(reader_->plan_of(sample), sample.where)).first;
        if (learned_) learned_(key, known->second);
    }
    const nd_access access = follow(known->second, sample, ++turn_);
    return {kind_of(access.kind), access.address};
}

} // namespace numadrift::sampling
