# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors

defmodule Till do
  @moduledoc "Sells what a shop has in stock, which another node keeps, and counts what it has sold."

  use GenServer

  def start_link([]), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)

  @doc "Sell pieces of a thing from the stock of a node: {:ok, pieces left} or {:error, :out_of_stock}."
  def sell(thing, pieces, node), do: GenServer.call(__MODULE__, {:sell, thing, pieces, node})

  @doc "How many pieces were sold, of all things."
  def sold, do: GenServer.call(__MODULE__, :sold)

  @impl true
  def init(sold), do: {:ok, sold}

  @impl true
  def handle_call({:sell, thing, pieces, node}, _from, sold) do
    case GenServer.call({:stock, node}, {:take, thing, pieces}) do
      {:ok, left} -> {:reply, {:ok, left}, sold + pieces}
      {:error, :out_of_stock} = error -> {:reply, error, sold}
    end
  end

  def handle_call(:sold, _from, sold), do: {:reply, sold, sold}
end
