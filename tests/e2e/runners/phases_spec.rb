# N+1 queries in setup, call and teardown: each phase asks its own table.
require "pg"
require "pgassay"

RSpec.describe "phases" do
  def ask(table)
    @connection.exec("SELECT id FROM authors ORDER BY id").each do |row|
      @connection.exec_params("SELECT title FROM #{table} WHERE author_id = $1", [row["id"]])
    end
  end

  before do
    @connection = PG.connect(ENV.fetch("DATABASE_URL"))
    ask("in_setup")
  end

  after do
    ask("in_teardown")
    @connection.close
  end

  it("passes & is named") { ask("in_call") }

  it("fails") { raise "as it should" }

  it("is skipped") { skip }
end
