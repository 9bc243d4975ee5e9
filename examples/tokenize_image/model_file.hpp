// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A model in a safetensors file, whole: what another program needs to encode and decode with it. And its tokens in a
// token file, which belong to that model alone.
//
//   metadata   format "tessera tokenize_image 1", patch, quantizer.kind, and what the quantizer adds
//   tensors    pixels.mean (3), pixels.deviation (1), encoder.* and decoder.*, quantizer.*

#include <filesystem>

#include <tessera/quantize/token_file.hpp>

#include "tokenize_image/model.hpp"

namespace examples {

/// Writes the file, all or nothing. Throws tessera::FileError.
void save_model(const std::filesystem::path& path, const Model& model);

/// Reads what save_model wrote, to the bit. Throws tessera::FileError on anything else.
Model load_model(const std::filesystem::path& path);

/// What token files say about the model their tokens are of: its quantizer, and a fingerprint of everything else.
tessera::QuantizerIdentity identity_of(const Model& model);

/// Writes the tokens of a picture as a token file. Throws tessera::FileError.
void save_tokens(const std::filesystem::path& path, const Model& model, const PatchGrid& grid,
                 const tessera::Tokens<>& tokens);

/// Tokens and the picture they are of.
struct PictureTokens {
  PatchGrid grid;
  tessera::Tokens<> tokens;
};

/// Reads what save_tokens wrote. Throws tessera::FileError when the tokens are another model's, or of no picture.
PictureTokens load_tokens(const std::filesystem::path& path, const Model& model);

}  // namespace examples
