#include <gtest/gtest.h>

#include "analyzer/catalog/reader.h"

namespace pgassay::catalog {
namespace {

// As PostgreSQL 15 stores: CREATE VIEW v AS SELECT id, "a b" AS "x (y", id + 1 AS z FROM t
//                          WHERE "a b" IN (SELECT 'q{' || id FROM t)
constexpr const char* kRule =
    R"tree(({QUERY :commandType 1 :querySource 0 :canSetTag true :utilityStmt <> :resultRelation 0 :hasAggs false :hasWindo)tree"
    R"tree(wFuncs false :hasTargetSRFs false :hasSubLinks true :hasDistinctOn false :hasRecursive false :hasModifyingCTE fa)tree"
    R"tree(lse :hasForUpdate false :hasRowSecurity false :isReturn false :cteList <> :rtable ({RANGETBLENTRY :alias {ALIAS )tree"
    R"tree(:aliasname old :colnames <>} :eref {ALIAS :aliasname old :colnames ("id" "x\ \(y" "z")} :rtekind 0 :relid 16390 )tree"
    R"tree(:relkind v :rellockmode 1 :tablesample <> :lateral false :inh false :inFromCl false :requiredPerms 0 :checkAsUse)tree"
    R"tree(r 0 :selectedCols (b) :insertedCols (b) :updatedCols (b) :extraUpdatedCols (b) :securityQuals <>} {RANGETBLENTRY)tree"
    R"tree( :alias {ALIAS :aliasname new :colnames <>} :eref {ALIAS :aliasname new :colnames ("id" "x\ \(y" "z")} :rtekind )tree"
    R"tree(0 :relid 16390 :relkind v :rellockmode 1 :tablesample <> :lateral false :inh false :inFromCl false :requiredPerm)tree"
    R"tree(s 0 :checkAsUser 0 :selectedCols (b) :insertedCols (b) :updatedCols (b) :extraUpdatedCols (b) :securityQuals <>})tree"
    R"tree( {RANGETBLENTRY :alias <> :eref {ALIAS :aliasname t :colnames ("id" "a\ b")} :rtekind 0 :relid 16385 :relkind r )tree"
    R"tree(:rellockmode 1 :tablesample <> :lateral false :inh true :inFromCl true :requiredPerms 2 :checkAsUser 0 :selected)tree"
    R"tree(Cols (b 8 9) :insertedCols (b) :updatedCols (b) :extraUpdatedCols (b) :securityQuals <>}) :jointree {FROMEXPR :f)tree"
    R"tree(romlist ({RANGETBLREF :rtindex 3}) :quals {SUBLINK :subLinkType 2 :subLinkId 0 :testexpr {OPEXPR :opno 98 :opfun)tree"
    R"tree(cid 67 :opresulttype 16 :opretset false :opcollid 0 :inputcollid 100 :args ({VAR :varno 3 :varattno 2 :vartype 2)tree"
    R"tree(5 :vartypmod -1 :varcollid 100 :varlevelsup 0 :varnosyn 3 :varattnosyn 2 :location 104} {PARAM :paramkind 2 :par)tree"
    R"tree(amid 1 :paramtype 25 :paramtypmod -1 :paramcollid 100 :location -1}) :location 110} :operName ("=") :subselect {)tree"
    R"tree(QUERY :commandType 1 :querySource 0 :canSetTag true :utilityStmt <> :resultRelation 0 :hasAggs false :hasWindowF)tree"
    R"tree(uncs false :hasTargetSRFs false :hasSubLinks false :hasDistinctOn false :hasRecursive false :hasModifyingCTE fal)tree"
    R"tree(se :hasForUpdate false :hasRowSecurity false :isReturn false :cteList <> :rtable ({RANGETBLENTRY :alias <> :eref)tree"
    R"tree( {ALIAS :aliasname t :colnames ("id" "a\ b")} :rtekind 0 :relid 16385 :relkind r :rellockmode 1 :tablesample <> )tree"
    R"tree(:lateral false :inh true :inFromCl true :requiredPerms 2 :checkAsUser 0 :selectedCols (b 8) :insertedCols (b) :u)tree"
    R"tree(pdatedCols (b) :extraUpdatedCols (b) :securityQuals <>}) :jointree {FROMEXPR :fromlist ({RANGETBLREF :rtindex 1})tree"
    R"tree() :quals <>} :targetList ({TARGETENTRY :expr {OPEXPR :opno 2779 :opfuncid 2003 :opresulttype 25 :opretset false )tree"
    R"tree(:opcollid 100 :inputcollid 100 :args ({CONST :consttype 25 :consttypmod -1 :constcollid 100 :constlen -1 :constb)tree"
    R"tree(yval false :constisnull false :location 121 :constvalue 6 [ 24 0 0 0 113 123 ]} {VAR :varno 1 :varattno 1 :varty)tree"
    R"tree(pe 23 :vartypmod -1 :varcollid 0 :varlevelsup 0 :varnosyn 1 :varattnosyn 1 :location 127}) :location 125} :resno)tree"
    R"tree( 1 :resname ?column? :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}) :override 0 :onConflict <> )tree"
    R"tree(:returningList <> :groupClause <> :groupDistinct false :groupingSets <> :havingQual <> :windowClause <> :distinc)tree"
    R"tree(tClause <> :sortClause <> :limitOffset <> :limitCount <> :limitOption 0 :rowMarks <> :setOperations <> :constrai)tree"
    R"tree(ntDeps <> :withCheckOptions <> :mergeActionList <> :mergeUseOuterJoin false :stmt_location 0 :stmt_len 0} :locat)tree"
    R"tree(ion 110}} :targetList ({TARGETENTRY :expr {VAR :varno 3 :varattno 1 :vartype 23 :vartypmod -1 :varcollid 0 :varl)tree"
    R"tree(evelsup 0 :varnosyn 3 :varattnosyn 1 :location 60} :resno 1 :resname id :ressortgroupref 0 :resorigtbl 16385 :re)tree"
    R"tree(sorigcol 1 :resjunk false} {TARGETENTRY :expr {VAR :varno 3 :varattno 2 :vartype 25 :vartypmod -1 :varcollid 100)tree"
    R"tree( :varlevelsup 0 :varnosyn 3 :varattnosyn 2 :location 64} :resno 2 :resname x\ \(y :ressortgroupref 0 :resorigtbl)tree"
    R"tree( 16385 :resorigcol 2 :resjunk false} {TARGETENTRY :expr {OPEXPR :opno 551 :opfuncid 177 :opresulttype 23 :oprets)tree"
    R"tree(et false :opcollid 0 :inputcollid 0 :args ({VAR :varno 3 :varattno 1 :vartype 23 :vartypmod -1 :varcollid 0 :var)tree"
    R"tree(levelsup 0 :varnosyn 3 :varattnosyn 1 :location 81} {CONST :consttype 23 :consttypmod -1 :constcollid 0 :constle)tree"
    R"tree(n 4 :constbyval true :constisnull false :location 84 :constvalue 4 [ 1 0 0 0 0 0 0 0 ]}) :location 83} :resno 3 )tree"
    R"tree(:resname z :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}) :override 0 :onConflict <> :returning)tree"
    R"tree(List <> :groupClause <> :groupDistinct false :groupingSets <> :havingQual <> :windowClause <> :distinctClause <>)tree"
    R"tree( :sortClause <> :limitOffset <> :limitCount <> :limitOption 0 :rowMarks <> :setOperations <> :constraintDeps <> )tree"
    R"tree(:withCheckOptions <> :mergeActionList <> :mergeUseOuterJoin false :stmt_location 35 :stmt_len 102}))tree";

TEST(ViewColumnsOf, NamesTheColumnsThatItPassesOnUnchanged) {
  Relation view;
  view.columns = {{.name = "id", .attnum = 1}, {.name = "renamed since", .attnum = 2}, {.name = "z", .attnum = 3}};
  EXPECT_EQ(ViewColumnsOf(kRule, view), (std::vector<ViewColumn>{{"id", 16385, 1}, {"renamed since", 16385, 2}}));
}

TEST(ViewColumnsOf, OfWhatIsNoRuleThereAreNone) {
  const Relation view;
  EXPECT_TRUE(ViewColumnsOf("", view).empty());
  EXPECT_TRUE(ViewColumnsOf("<>", view).empty());
  EXPECT_TRUE(ViewColumnsOf("))))}}}}((((", view).empty());
}

}  // namespace
}  // namespace pgassay::catalog
