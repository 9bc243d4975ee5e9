// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The one translation unit that holds stb's implementation.

#define STBI_MAX_DIMENSIONS (1 << 24)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image.h>
#include <stb_image_write.h>
