# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors

defmodule Till.Application do
  @moduledoc "The application and its supervisor."

  use Application

  @impl true
  def start(_type, _args), do: Supervisor.start_link([Till], strategy: :one_for_one, name: Till.Supervisor)
end
