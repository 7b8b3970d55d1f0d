# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors

import Config

config :epmdns,
  cluster: :shop,
  tags: [role: :till, floor: "1"]
