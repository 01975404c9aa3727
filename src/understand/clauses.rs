//! Several clauses in one breath: where a sentence can be cut, which clauses may stand beside a command as its
//! reason ("I'm leaving, turn off the lights"), and what "it" stands for.
//!
//! Words only; whether a clause is a command is for meaning.rs to say. What turns a command round (a condition,
//! a negation, somebody else's words, another time) is no reason, and the whole is then no command.

use super::normalise::{is_boundary, is_han, normalise};
use super::numbers;

/// More clauses are a story.
const CLAUSES_MAX: usize = 6;
/// A longer clause is no aside, in words or Chinese characters.
const REASON_WORDS_MAX: usize = 14;

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Normalised.
    pub words: Vec<char>,
    /// The same with "'s" dropped, to find names in: "the hallway light's been on".
    pub names: Vec<char>,
}

/// `text` cut at its punctuation; nothing if there are too many clauses.
pub fn clauses(text: &str) -> Vec<Clause> {
    let chars: Vec<char> = text.chars().collect();
    let digit = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(char::is_ascii_digit);
    let is_cut = |i: usize| match chars[i] {
        '.' | ',' => !(digit(i.checked_sub(1)) && digit(Some(i + 1))),
        ';' | '!' | '?' | '，' | '。' | '；' | '！' | '？' | '、' | '…' | '—' | '\n' => true,
        _ => false,
    };
    let mut parts = vec![String::new()];
    for (i, c) in chars.iter().enumerate() {
        if is_cut(i) {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(*c);
        }
    }
    let clause = |part: &String| Clause {
        words: stripped(normalise(part)),
        names: normalise(&part.replace('’', "'").replace("'s ", " ")),
    };
    let clauses: Vec<Clause> = parts.iter().map(clause).filter(|c| !c.words.is_empty()).collect();
    if clauses.len() > CLAUSES_MAX { Vec::new() } else { clauses }
}

/// The clauses as a recogniser hears them, which writes no punctuation: Chinese ones that say how things are also end after
/// 了; `None` if none does before its end.
pub fn spoken(clauses: &[Clause]) -> Option<Vec<Clause>> {
    let cut = |c: &Clause| {
        let end = c.words.iter().position(|c| *c == '了')? + 1;
        (end + 1 < c.words.len() && is_statement(&c.words[..end])).then_some(end)
    };
    let parts = |c: &Clause| match cut(c) {
        Some(i) => [&c.words[..i], &c.words[i..]].map(|w| Clause { words: w.to_vec(), names: w.to_vec() }).to_vec(),
        None => vec![c.clone()],
    };
    clauses.iter().any(|c| cut(c).is_some()).then(|| clauses.iter().flat_map(parts).collect())
}

/// Words that join commands, longer ones first.
const CONJUNCTIONS: [&str; 19] = [
    " and then ",
    " and also ",
    " and ",
    " then ",
    " plus ",
    "然后再",
    "然后",
    "并且",
    "接着",
    "同时",
    "顺便",
    "还有",
    "以及",
    "并",
    "再",
    "和",
    "跟",
    "与",
    "也",
];

/// A clause without the conjunction that it begins with.
fn stripped(words: Vec<char>) -> Vec<char> {
    for conjunction in ["and then ", "and also ", "and ", "then ", "so ", "然后", "并且", "再", "所以", "那就"]
    {
        let len = conjunction.chars().count();
        if words.len() > len && words.iter().copied().take(len).eq(conjunction.chars()) {
            return words[len..].to_vec();
        }
    }
    words
}

/// Where a clause can be cut at a conjunction: end of what is before it, start of what is after it.
pub fn conjunctions(words: &[char]) -> Vec<(usize, usize)> {
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    for at in 1..words.len() {
        if cuts.last().is_some_and(|(_, start)| at < *start) {
            continue;
        }
        let stands = |c: &&&str| words[at..].iter().copied().take(c.chars().count()).eq(c.chars());
        if let Some(found) = CONJUNCTIONS.iter().find(stands) {
            let start = at + found.chars().count();
            if start < words.len() {
                cuts.push((at, start));
            }
        }
    }
    cuts
}

/// Words that begin a command, and so may end the one before them without any conjunction: 关灯关窗帘.
const BEGINNINGS: [&str; 34] = [
    "turn", "switch", "open", "close", "shut", "lock", "unlock", "set", "dim", "put", "start", "stop", "play", "pause",
    "把", "将", "打开", "开启", "开", "关闭", "关掉", "关上", "关", "拉上", "拉开", "锁上", "锁", "解锁", "启动",
    "停止", "播放", "暂停", "调", "让",
];

/// Where another command may begin, without a conjunction before it.
pub fn beginnings(words: &[char]) -> Vec<usize> {
    let begins = |at: usize| {
        let stands = |w: &str| {
            let end = at + w.chars().count();
            words[at..].iter().copied().take(end - at).eq(w.chars()) && (is_han(words[at]) || is_boundary(words, end))
        };
        is_boundary(words, at) && words[at] != ' ' && BEGINNINGS.iter().any(|w| stands(w))
    };
    (1..words.len()).filter(|&at| begins(at)).collect()
}

/// Words that make a clause more than an aside.
const TURNING: [&str; 45] = [
    "if",
    "when",
    "whenever",
    "unless",
    "until",
    "till",
    "once",
    "after",
    "before",
    "while",
    "dont",
    "never",
    "said",
    "says",
    "say",
    "tell",
    "told",
    "tells",
    "ask",
    "asked",
    "asks",
    "heard",
    "why",
    "who",
    "where",
    "which",
    "whether",
    "yesterday",
    "tomorrow",
    "later",
    "story",
    "imagine",
    "suppose",
    "pretend",
    "without",
    "but",
    "except",
    "excluding",
    "apart",
    "besides",
    "not",
    "mean",
    "wait",
    "instead",
    "rather",
];
/// The same in Chinese.
const TURNING_HAN: [&str; 37] = [
    "如果",
    "要是",
    "假如",
    "等",
    "的话",
    "时候",
    "别",
    "说",
    "问",
    "告诉",
    "为什么",
    "谁",
    "怎么",
    "昨天",
    "前天",
    "明天",
    "后天",
    "以后",
    "之后",
    "之前",
    "以前",
    "小时",
    "分钟",
    "点钟",
    "千万",
    "不要",
    "不准",
    "不能",
    "刚才",
    "上次",
    "讲",
    "念",
    "写",
    "除了",
    "不对",
    "我是说",
    "不是",
];

/// Whether a clause that is no command may stand beside one.
pub fn is_aside(clause: &[char]) -> bool {
    let text: String = clause.iter().collect();
    let han = clause.iter().filter(|c| is_han(**c)).count();
    let words = text.split(' ').count();
    if han + words > REASON_WORDS_MAX || (0..clause.len()).any(|i| says_a_number(clause, i)) {
        return false;
    }
    !text.split(' ').any(|w| TURNING.contains(&w)) && !TURNING_HAN.iter().any(|w| text.contains(w))
}

/// Beginnings and words of clauses that only say how things are: "it's dark in the kitchen".
const STATEMENTS: [&str; 9] =
    ["its ", "it is ", "im ", "were ", "theres ", "i cant ", "we cant ", "i cannot ", "i am "];
const STATEMENTS_HAN: [&str; 9] = ["太", "好暗", "好黑", "黑漆漆", "看不见", "看不清", "有点暗", "有点黑", "饿"];

/// Whether a clause says how things are: beside a command it is the command's reason, alone a wish.
pub fn is_statement(clause: &[char]) -> bool {
    let text: String = clause.iter().collect();
    STATEMENTS.iter().any(|s| text.starts_with(s)) || STATEMENTS_HAN.iter().any(|s| text.contains(s))
}

/// A number other than "one", which is mostly none.
fn says_a_number(clause: &[char], at: usize) -> bool {
    numbers::at(clause, at).iter().any(|(_, n)| *n != 1.0)
}

/// Words for a thing that has been named, longer ones first.
const PRONOUNS: [&str; 10] = ["that one", "this one", "those ones", "them", "it", "那盏灯", "它们", "他们", "它", "他"];

/// `words` with its pronoun replaced by `referent`; `None` if it has none.
pub fn resolved(words: &[char], referent: &[char]) -> Option<Vec<char>> {
    for pronoun in PRONOUNS {
        let pronoun: Vec<char> = pronoun.chars().collect();
        let is_word = |at: usize| {
            let end = at + pronoun.len();
            let letter = |c: Option<&char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            is_han(pronoun[0]) || (!letter(at.checked_sub(1).and_then(|i| words.get(i))) && !letter(words.get(end)))
        };
        if let Some(at) = (0..words.len()).find(|&at| words[at..].starts_with(&pronoun) && is_word(at)) {
            return Some([&words[..at], referent, &words[at + pronoun.len()..]].concat());
        }
    }
    None
}

/// After these, people say "turning on" where they mean "turn on".
const BEFORE_GERUNDS: [&str; 4] = ["mind", "about", "try", "appreciate"];
/// Verbs that lose more than "ing".
const GERUNDS: [(&str, &str); 20] = [
    ("putting", "put"),
    ("closing", "close"),
    ("setting", "set"),
    ("dimming", "dim"),
    ("making", "make"),
    ("stopping", "stop"),
    ("shutting", "shut"),
    ("pausing", "pause"),
    ("skipping", "skip"),
    ("changing", "change"),
    ("raising", "raise"),
    ("getting", "get"),
    ("giving", "give"),
    ("running", "run"),
    ("flipping", "flip"),
    ("cutting", "cut"),
    ("dropping", "drop"),
    ("taking", "take"),
    ("popping", "pop"),
    ("resuming", "resume"),
];

/// "Would you mind turning on the fan": with the verb as templates have it; `None` if there is nothing to change.
pub fn without_gerund(words: &[char]) -> Option<Vec<char>> {
    let text: String = words.iter().collect();
    let mut said: Vec<&str> = text.split(' ').collect();
    let at =
        said.windows(2).position(|w| BEFORE_GERUNDS.contains(&w[0]) && w[1].len() > 5 && w[1].ends_with("ing"))? + 1;
    let regular = said[at].strip_suffix("ing").unwrap_or(said[at]);
    said[at] = GERUNDS.iter().find(|(gerund, _)| *gerund == said[at]).map_or(regular, |(_, verb)| *verb);
    Some(said.join(" ").chars().collect())
}

/// Two pieces of text as one.
pub fn joined(a: &[char], b: &[char]) -> Vec<char> {
    let (a, b): (String, String) = (a.iter().collect(), b.iter().collect());
    normalise(&format!("{a} {b}"))
}

/// Beginnings (`true`) or ends of a text, cut between words, shortest first, at most `max`.
pub fn edges(words: &[char], beginnings: bool, max: usize) -> Vec<&[char]> {
    let cuts = (1..words.len()).filter(|&i| is_boundary(words, i) && words[i] != ' ');
    if beginnings {
        cuts.map(|i| &words[..i]).take(max).collect()
    } else {
        cuts.rev().map(|i| &words[i..]).take(max).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn cuts_at_punctuation_and_conjunctions() {
        let cut = |t: &str| clauses(t).iter().map(|c| c.words.iter().collect()).collect::<Vec<String>>();
        assert_eq!(cut("I'm off, set it to 21.5 degrees."), ["im off", "set it to 21.5 degrees"]);
        assert_eq!(cut("太晒了，拉上窗帘！"), ["太晒了", "拉上窗帘"]);
        assert_eq!(cut("and then lights off"), ["lights off"]);
        assert!(cut(&"a, ".repeat(20)).is_empty());
        let heard =
            |t: &str| spoken(&clauses(t)).map(|c| c.iter().map(|c| c.words.iter().collect()).collect::<Vec<String>>());
        assert_eq!(heard("太晒了拉上窗帘"), Some(vec!["太晒了".to_owned(), "拉上窗帘".to_owned()]));
        assert_eq!(heard("把灯关了"), None);
        assert_eq!(heard("他回来了打开窗帘"), None);
        assert_eq!(conjunctions(&words("lights off and then lock the door")), [(10, 20)]);
        assert_eq!(conjunctions(&words("开灯然后关窗")), [(2, 4)]);
        assert!(conjunctions(&words("android")).is_empty());
    }

    #[test]
    fn asides_give_reasons_and_no_conditions() {
        for aside in ["im going to sleep", "the suns blinding me", "热死了", "我要看书"] {
            assert!(is_aside(&words(aside)), "{aside}");
        }
        for other in ["if it rains", "he said", "in ten minutes", "他说", "等我回来", "如果下雨", "please dont"]
        {
            assert!(!is_aside(&words(other)), "{other}");
        }
    }

    #[test]
    fn gerunds_after_would_you_mind() {
        let plain = |t: &str| without_gerund(&words(t)).map(|t| t.iter().collect::<String>());
        assert_eq!(plain("would you mind turning on the fan").as_deref(), Some("would you mind turn on the fan"));
        assert_eq!(plain("how about closing the blinds").as_deref(), Some("how about close the blinds"));
        assert_eq!(plain("i like turning on the fan"), None);
    }

    #[test]
    fn a_pronoun_is_a_word() {
        let it = |t: &str| resolved(&words(t), &words("the fan")).map(|t| t.iter().collect::<String>());
        assert_eq!(it("turn it off").as_deref(), Some("turn the fan off"));
        assert_eq!(it("switch them on").as_deref(), Some("switch the fan on"));
        assert_eq!(it("switch the item off"), None);
    }
}
