# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors

defmodule Till.MixProject do
  use Mix.Project

  def project do
    [
      app: :till,
      version: "1.0.0",
      deps: deps(),
      releases: [till: [reboot_system_after_config: true]]
    ]
  end

  def application do
    [mod: {Till.Application, []}, extra_applications: [:logger]]
  end

  # In a project of its own, {:epmdns, git: "URL", branch: "main", sparse: "erlang"}
  defp deps do
    [{:epmdns, path: "../../../erlang"}]
  end
end
