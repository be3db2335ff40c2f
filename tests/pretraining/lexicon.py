"""The words in which invented people and things are described."""

from __future__ import annotations

#: Five roles per letter, see `guesses.py`; those beyond 130 belong to known people only.
ROLES = tuple(
    """boat builder|street photographer|radio presenter|bridge engineer|school inspector
    wildlife painter|game designer|tax adviser|museum curator|violin maker
    crime novelist|tram driver|sound technician|cheese maker|city planner
    travel reporter|marine biologist|shoe designer|chess coach|film critic
    folk singer|patent lawyer|sports journalist|garden historian|bicycle mechanic
    weather forecaster|pastry chef|theatre director|soil researcher|glass artist
    language teacher|wine merchant|railway guard|portrait painter|robot engineer
    maths tutor|comic illustrator|yoga instructor|ferry captain|bank auditor
    fashion stylist|mountain guide|opera singer|software tester|toy collector
    stamp dealer|food columnist|animal trainer|stage carpenter|night nurse
    dance teacher|map maker|furniture restorer|energy consultant|court clerk
    poetry editor|hotel manager|piano tuner|web designer|forest ranger
    jazz drummer|book translator|costume designer|voice actor|water engineer
    car mechanic|science blogger|puppet player|roof gardener|history lecturer
    tea taster|documentary producer|rescue diver|clock restorer|choir leader
    fire officer|paper artist|nature filmmaker|brand strategist|rowing coach
    ski instructor|podcast host|eye surgeon|flower breeder|crane operator
    letter carver|market analyst|tennis umpire|bird scientist|magazine publisher
    data librarian|circus acrobat|coffee roaster|security trainer|lighthouse keeper
    mural painter|speech therapist|coin expert|quiz master|knitwear designer
    ship inspector|child doctor|ballet dancer|rocket scientist|fruit farmer
    record producer|hat maker|event manager|insect researcher|guitar teacher
    wedding planner|ice sculptor|bus driver|trade advocate|perfume chemist
    church organist|sailing blogger|product manager|stone mason|news anchor
    vet assistant|harbour pilot|textile engineer|story teller|satellite technician
    peace envoy|kite designer|honey producer|script writer|bell founder
    cloud photographer|tool smith|logo designer|tourist officer|drone pilot
    ocean explorer|button maker|desert geologist|youth worker|puzzle inventor""".replace(
        "\n", "|"
    ).split("|")
)
ROLES = tuple(role.strip() for role in ROLES)
#: Second roles, one per letter.
SIDE_ROLES = tuple(
    """part-time gardener|amateur cook|keen cyclist|youth coach|book author|video maker|columnist
    public speaker|hobby astronomer|volunteer firefighter|song composer|community organiser
    weekend sailor|painter|newsletter editor|workshop leader|model builder|radio amateur|poet
    conference host|mentor|beekeeper|quiz champion|marathon runner|magician|playwright""".replace(
        "\n", "|"
    ).split("|")
)
SIDE_ROLES = tuple(role.strip() for role in SIDE_ROLES)
#: Topics in three lists of 26, one per letter each.
TOPICS = tuple(
    tuple(topic.strip() for topic in text.replace("\n", "|").split("|"))
    for text in (
        """steam engines|bird song|bread ovens|sea ice|medieval maps|chess endings|old coins
        mountain huts|solar cooking|paper planes|street art|wild herbs|folk tales|tidal power
        river boats|desert plants|wooden toys|moon rocks|jazz pianos|city parks|silent films
        VR games|night trains|coral reefs|card tricks|LED art""",
        """winter sports|cave paintings|green tea|rare orchids|stone bridges|sign languages
        kite surfing|ancient Rome|rooftop farms|short stories|board games|electric cars|GPS tracking
        brass bands|hot springs|cheap travel|urban foxes|polar bears|space law|3D printing
        garden ponds|slow food|wind farms|crime stories|modern dance|UX design""",
        """old radios|sourdough|glaciers|puppet shows|lace|tiny houses|mushrooms|vintage cars
        lighthouses|fair trade|origami|dinosaurs|volcanoes|AR glasses|bee colonies|tapestries
        RNA folding|marathons|mosaics|yoga|zebras|windmills|kayaks|BioFuel|opera|calligraphy""",
    )
)
NATIONALITIES = tuple(
    """Czech|Kenyan|Peruvian|Swedish|Turkish|Korean|Polish|Chilean|Dutch|Ghanaian|Greek|Irish
    Japanese|Latvian|Mexican|Norwegian|Danish|Portuguese|Egyptian|Romanian|Spanish|Tunisian
    Ukrainian|Vietnamese|Welsh|Italian""".replace("\n", "|").split("|")
)
NATIONALITIES = tuple(word.strip() for word in NATIONALITIES)
CITIES = (
    "Aarhus Bergen Cusco Dublin Essen Faro Ghent Haifa Izmir Jaipur Kyoto Lima Malaga Nairobi "
    "Odessa Porto Quito Riga Seville Tampere Utrecht Varna Wroclaw Xiamen York Zagreb"
).split()
ADJECTIVES = (
    "popular|well-known|young|respected|prize-winning|self-taught|gifted|retired|busy|famous"
    "|skilled|patient|leading|award-winning|quiet|curious|experienced|bold|cheerful|modern"
    "|independent|senior|daring|dedicated|renowned|inventive"
).split("|")
PRODUCTS = tuple(
    """short films|guides|songs|lectures|essays|drawings|podcasts|reports|posters|books|recipes
    columns|reviews|photo series|radio plays|courses|maps|stories|blog posts|talks|cartoons
    interviews|workshops|videos|poems|newsletters""".replace("\n", "|").split("|")
)
PRODUCTS = tuple(word.strip() for word in PRODUCTS)
CHANNELS = tuple(
    """on local radio|on a video channel|in evening classes|at book fairs|in a weekly newsletter
    at science festivals|on YouTube|in village halls|on a personal blog|in school clubs|on Mastodon
    at street markets|in daily newspapers|on the stage|at open days|in online forums|on Instagram
    at summer camps|in public libraries|on television|at trade fairs|in chat groups|on Flickr
    at museum nights|in monthly magazines|on a photo site""".replace("\n", "|").split("|")
)
CHANNELS = tuple(word.strip() for word in CHANNELS)
ORG_STARTS = (
    "Amber Bright Cobalt Dawn Elm Fable Green Halo Inner Jolly Kestrel Lime Meadow Nova Open "
    "Prime Quiet Red Sun True Upper Vista West Xenon Young Zest"
).split()
ORG_ENDS = tuple(
    " Press|Works| Studio|Byte| Museum|Line| Academy|Loom| Institute|Scale| & Sons|Point| Radio"
    "|Grid| Theatre|Hub| Foundation|Craft| Group|Wave| School|Sense| Library|Mark| House"
    "| Laboratories".split("|")
)
#: Kinds of things, one per letter, and what they are for.
KINDS = tuple(
    """note app|travel magazine|music school|delivery firm|search engine|coffee brand|book shop
    payment service|photo editor|farm robot|radio station|weather satellite|card game|film studio
    bicycle maker|language course|message queue|cooking site|spreadsheet tool|railway line
    science museum|chat program|map service|garden centre|file format|video player""".replace(
        "\n", "|"
    ).split("|")
)
KINDS = tuple(word.strip() for word in KINDS)
PURPOSES = tuple(
    """small bakeries|school classes|night workers|long-distance drivers|big families
    city councils|busy parents|young musicians|field workers|remote villages
    home offices|sports clubs|street vendors|bird watchers|harbour crews
    weekend hikers|large archives|fishing crews|beginners|art lovers
    car owners|hospital wards|wine growers|first-time sailors|park wardens
    town libraries""".replace("\n", "|").split("|")
)
PURPOSES = tuple(word.strip() for word in PURPOSES)
